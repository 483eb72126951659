"""What is appended, judged and written in one transaction."""
