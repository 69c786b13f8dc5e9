#!/bin/sh
# Make a peer's environment: sh benchmarks/make_env.sh NAME [FOLDER]
# FOLDER defaults to $NORIA_BENCH_ENVS, then ~/.cache/noria-bench. torch is held to its CPU build.
set -eu
peers="flaml, autogluon, ydata, skrub, fastapi, litserve, bentoml, mlflow, evidently, nannyml"
name=${1:?usage: make_env.sh NAME [FOLDER]; peers: $peers}
model="scikit-learn lightgbm pandas pyarrow" # what a served model needs
envs=${2:-${NORIA_BENCH_ENVS:-$HOME/.cache/noria-bench}}
case $name in
    flaml) packages="flaml[automl]==2.7.0 pandas pyarrow" ;;
    autogluon) packages="autogluon.tabular[all]==1.6.3 pandas pyarrow" ;;
    ydata) packages="ydata-profiling==4.18.4 setuptools<81" ;;
    skrub) packages="skrub==0.11.0" ;;
    fastapi) packages="fastapi uvicorn[standard] $model" ;;
    litserve) packages="litserve>=0.2.19 $model" ;;
    bentoml) packages="bentoml>=1.4 $model" ;;
    mlflow) packages="mlflow>=3.17 $model" ;;
    evidently) packages="evidently==0.7.23 pandas<3 pyarrow" ;; # with pandas 3 it fails to import
    nannyml) packages="nannyml==0.13.1 statsmodels pyarrow" ;;
    *) echo "make_env.sh: no such peer: $name ($peers)" >&2; exit 2 ;;
esac
mkdir -p "$envs"
"${PYTHON:-python3}" -m venv "$envs/$name"
python="$envs/$name/bin/python"
"$python" -m pip install --quiet --upgrade pip
if [ "$name" = autogluon ] && [ "$(uname)" = Linux ]; then
    # Named by its local version, or pip brings the CUDA build, several GB of it.
    "$python" -m pip install --quiet --retries 1 "torch==${TORCH:-2.13.0}+cpu" \
        --extra-index-url "${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}"
fi
# shellcheck disable=SC2086
"$python" -m pip install --quiet $packages
"$python" -m pip check
"$python" -m pip freeze >"$envs/$name.freeze"
echo "$name: $python, $(du -sm "$envs/$name" | cut -f1) MB"
