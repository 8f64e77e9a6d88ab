"""Custom objects: what plug-ins declare, where plug-ins are found, and a Registry that is a value."""

from configsplit.registry.registry import Framework, Plugin, Registry

__all__ = ["Framework", "Plugin", "Registry"]
