"""The annual report: outcomes of applications and titles, and how the legal time limits were kept."""
