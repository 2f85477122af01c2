"""Sessions: the account of one walk, and the look back at earlier ones."""
