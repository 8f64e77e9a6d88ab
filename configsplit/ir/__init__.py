"""Old names of what plug-ins import; new ones import `configsplit.plugins`."""
