"""Drivers: chips on a wire become samples or faults. Imports nothing of ours but itself."""
