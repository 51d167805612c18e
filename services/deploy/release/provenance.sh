#!/bin/sh
# Writes what a release was built of, as the predicate of SLSA's provenance 1: provenance.sh FILE VERSION COMMIT REPOSITORY.
# ROLLCALL_BUILDER is the URL of what builds: a runner of the host, or whoever does it by hand.
set -eu
file=$1 version=$2 commit=$3 repository=$4
: "${ROLLCALL_BUILDER:?the URL of what builds the release}"
case $commit in
  *[!0-9a-f]* | '') echo "provenance: $commit is no commit" >&2; exit 1 ;;
esac
if [ -n "$(git status --porcelain)" ]; then
  echo "provenance: files differ from the commit" >&2
  exit 1
fi
go=$(go env GOVERSION)
mkdir -p "$(dirname "$file")"
cat >"$file" <<END
{
  "buildDefinition": {
    "buildType": "https://goreleaser.com/customization/",
    "externalParameters": {"configuration": ".goreleaser.yaml", "version": "$version"},
    "resolvedDependencies": [
      {"uri": "git+$repository", "digest": {"gitCommit": "$commit"}},
      {"uri": "https://go.dev/dl/$go.src.tar.gz", "name": "$go"}
    ]
  },
  "runDetails": {
    "builder": {"id": "$ROLLCALL_BUILDER"},
    "metadata": {"finishedOn": "$(date -u +%Y-%m-%dT%H:%M:%SZ)"}
  }
}
END
