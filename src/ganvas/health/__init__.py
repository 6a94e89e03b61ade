"""How training is doing: probes measure it, rules read what they measured."""
