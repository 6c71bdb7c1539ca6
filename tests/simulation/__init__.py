"""A simulated world: the whole system in one process on simulated time, all chance from one seed, with faults."""
