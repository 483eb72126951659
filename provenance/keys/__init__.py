"""Private keys: where they lie, how they are opened, what they sign with."""
