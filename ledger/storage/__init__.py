"""Tables, and the databases they lie in."""
