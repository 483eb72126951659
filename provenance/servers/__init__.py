"""What radseal serves over HTTP: a log, a witness, and what the two share."""
