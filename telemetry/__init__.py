"""What people and machines that run a service see of it: its health, its metrics' page, its log."""
