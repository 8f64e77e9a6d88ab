"""The plug-ins that ship with configsplit, one declaration each; the real classes stand beside them, one file a framework."""
