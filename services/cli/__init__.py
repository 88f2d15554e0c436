"""The commands of `tam`, a file per subject; each is a thin door to what the platform does anyway."""
