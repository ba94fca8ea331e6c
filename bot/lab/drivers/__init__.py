"""The libraries of engines and hypervisors, each behind one edge."""
