"""Studies: what belongs to one, signed when it is complete, and compared later.

docs/spec/study.md has the format, docs/verdicts.md the words.
"""
