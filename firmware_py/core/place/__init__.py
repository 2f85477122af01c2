"""Where the walker is on the deck: which range reading to believe, and the filter that takes the steps out of it."""
