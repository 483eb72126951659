"""The write path: mark, hash, sign, log, carry; and a person who vouches for the result."""
