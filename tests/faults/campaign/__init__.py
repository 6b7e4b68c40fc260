"""The fault campaign: real harvests while faults are injected, each round judged independently."""
