"""The report of one incident: a page that a walker and a physiotherapist can read."""
