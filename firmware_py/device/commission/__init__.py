"""Commissioning: measures one treadmill with a person's help."""
