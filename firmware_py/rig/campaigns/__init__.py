"""Campaigns: thousands of seeded runs, ours and every peer's on the same runs."""
