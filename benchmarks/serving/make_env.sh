#!/bin/sh
# Make a peer's environment: sh benchmarks/serving/make_env.sh fastapi|litserve|bentoml|mlflow [FOLDER]
# FOLDER defaults to $NORIA_BENCH_ENVS, then ~/.cache/noria-bench.
set -eu
name=${1:?usage: make_env.sh fastapi|litserve|bentoml|mlflow [FOLDER]}
envs=${2:-${NORIA_BENCH_ENVS:-$HOME/.cache/noria-bench}}
case $name in
    fastapi) packages="fastapi uvicorn[standard]" ;;
    litserve) packages="litserve>=0.2.19" ;;
    bentoml) packages="bentoml>=1.4" ;;
    mlflow) packages="mlflow>=3.17" ;;
    *) echo "make_env.sh: no such peer: $name (fastapi, litserve, bentoml, mlflow)" >&2; exit 2 ;;
esac
mkdir -p "$envs"
"${PYTHON:-python3}" -m venv "$envs/$name"
python="$envs/$name/bin/python"
"$python" -m pip install --quiet --upgrade pip
# shellcheck disable=SC2086
"$python" -m pip install --quiet $packages scikit-learn lightgbm pandas pyarrow
"$python" -m pip check
"$python" -m pip freeze >"$envs/$name.freeze"
echo "$name: $python, $(du -sm "$envs/$name" | cut -f1) MB"
