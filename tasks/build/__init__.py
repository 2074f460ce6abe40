"""Where the commands of a build run: isolated, in CodeBuild, or here."""
