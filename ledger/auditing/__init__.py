"""Everything checked again."""
