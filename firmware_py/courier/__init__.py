"""The courier: records, keeps, publishes and explains. It may ask for a stop; it can never make the belt run."""
