"""The emulated AWS: its process, its gateway, its journal."""
