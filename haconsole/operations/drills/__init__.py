"""Failover drills as pure plans and judgements: what is done, what must hold, what clients lost."""
