"""Where the walker would come to rest if the belt were cut now, and every stop and warning that follows."""
