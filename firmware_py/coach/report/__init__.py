"""The report for a physiotherapist: what was done, at what cost, how it went, and what the device cannot see."""
