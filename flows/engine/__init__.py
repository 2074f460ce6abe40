"""What all flows share: how they run tasks, what they are called, what they show."""
