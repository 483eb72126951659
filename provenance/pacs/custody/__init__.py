"""What a PACS says of an object in the log (docs/spec/custody-event.md), and how it gets there."""
