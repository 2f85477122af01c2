"""Set-up: from the finished device to the first walk, a step at a time."""
