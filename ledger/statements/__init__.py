"""Statements, who may sign them, and the rules of an append."""
