"""The scheduler: passes over due deadlines, notices to holders and offices, their channels, and the daemon."""
