"""What people see on terminals of three widths, compared with files that somebody has read."""
