"""Files that outlive a power cut: written whole, by their folder's owner, in places that remember."""
