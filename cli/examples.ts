/** What people type, for the `--help` of each command. */

/** By the command's whole name. Those of a group stand at its commands. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  'podwire doctor': ['podwire doctor', 'podwire doctor --all -o json'],
  'podwire lint': ['podwire lint pods.yaml', 'podwire lint --dialect npwg -n shop annotation.json'],
  'podwire inspect nets': ['podwire inspect nets blue', 'podwire inspect nets blue red --fields all'],
  'podwire inspect pods': ['podwire inspect pods shop/web-0'],
  'podwire list pods': ['podwire list pods', 'podwire list pods web'],
  'podwire explain': ['podwire explain shop/web-0', 'podwire explain shop/web-0 -o yaml'],
  'podwire status': ['podwire status --state Stuck', 'podwire status shop/web-0', 'podwire status --watch'],
  'podwire networks': ['podwire networks', 'podwire networks shop/blue -o yaml', 'podwire networks -o wide --watch 5'],
  'podwire nodes': ['podwire nodes', 'podwire nodes -o wide'],
  'podwire network add': ['podwire network add shop/web-0 blue --interface net1'],
  'podwire network del': ['podwire network del shop/web-0 blue'],
  'podwire retry': ['podwire retry shop/web-0', 'podwire retry --all-stuck'],
  'podwire forget': ['podwire forget shop/web-0 orders'],
  'podwire sweep': ['podwire sweep --dry-run', 'podwire sweep n1 n2'],
  'podwire primary': ['podwire primary'],
  'podwire reflect convert': ['podwire reflect convert objects.yaml'],
  'podwire reflect status': ['podwire reflect status'],
  'podwire reflect diff': ['podwire reflect diff', 'podwire reflect diff pod service'],
  'podwire reflect resync': ['podwire reflect resync', 'podwire reflect resync pod'],
  'podwire ksr': ['podwire ksr --config-dir /etc/ksr'],
  'podwire teardown': ['podwire teardown --dry-run', 'podwire teardown --undo'],
  'podwire version': ['podwire version -o json'],
  'podwire completion': [
    'source <(podwire completion bash)',
    'podwire completion zsh > "${fpath[1]}/_podwire"',
    'podwire completion fish > ~/.config/fish/completions/podwire.fish',
  ],
};
