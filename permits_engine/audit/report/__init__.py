"""The annual account: what became of applications and titles, and whether the law's limits were kept."""
