"""Events: their form, their database, and the way to the broker."""
