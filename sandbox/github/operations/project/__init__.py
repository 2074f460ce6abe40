"""Operations on a repository beside its code and its pull requests."""
