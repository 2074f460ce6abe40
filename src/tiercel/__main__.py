"""`python -m tiercel`, for those who choose the Python."""

from tiercel.cli.start import main

if __name__ == "__main__":
    main()
