"""The read path: find the seal, gather the evidence, have it judged."""
