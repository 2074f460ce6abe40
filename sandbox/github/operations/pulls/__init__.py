"""Operations on pull requests."""
