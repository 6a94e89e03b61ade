"""Pages that ganvas serves itself, on this machine: `demo` and `watch`."""
