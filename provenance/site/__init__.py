"""A site: the folder with its trust, its keys and its ledger, and all that changes it."""
