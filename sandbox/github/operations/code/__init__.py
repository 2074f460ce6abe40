"""Operations on branches, commits and git's own objects."""
