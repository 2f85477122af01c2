"""Recordings: the continuous one, and the incidents that are kept."""
