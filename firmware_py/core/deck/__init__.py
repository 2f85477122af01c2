"""What the range sensor tells: where the walker is, and where they would come to rest if the belt were cut now."""
