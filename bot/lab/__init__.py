"""Containers on the lab hosts of a community: catalogue, instances, leases, limits."""
