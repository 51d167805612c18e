package main

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// manifests returns all objects of services/deploy/kubernetes by kind and name. A field that
// Kubernetes does not know is an error.
func manifests(t *testing.T) map[string]any {
	t.Helper()
	files, err := filepath.Glob(deployDir + "kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	found := map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for doc := range bytes.SplitSeq(text, []byte("\n---\n")) {
			var head struct {
				APIVersion, Kind string
				Metadata         struct{ Name, Namespace string }
			}
			if err := yaml.Unmarshal(doc, &head); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if head.Kind == "" {
				continue // a comment only
			}
			var object any
			switch head.APIVersion + " " + head.Kind {
			case "v1 Namespace":
				object = &corev1.Namespace{}
			case "v1 Secret":
				object = &corev1.Secret{}
			case "v1 Service":
				object = &corev1.Service{}
			case "apps/v1 Deployment":
				object = &appsv1.Deployment{}
			case "apps/v1 StatefulSet":
				object = &appsv1.StatefulSet{}
			case "batch/v1 Job":
				object = &batchv1.Job{}
			case "policy/v1 PodDisruptionBudget":
				object = &policyv1.PodDisruptionBudget{}
			case "networking.k8s.io/v1 NetworkPolicy":
				object = &networkingv1.NetworkPolicy{}
			case "networking.k8s.io/v1 Ingress":
				object = &networkingv1.Ingress{}
			default:
				t.Fatalf("%s: %s %s is not known here", file, head.APIVersion, head.Kind)
			}
			if err := yaml.UnmarshalStrict(doc, object); err != nil {
				t.Errorf("%s: %s %s: %v", file, head.Kind, head.Metadata.Name, err)
			}
			key := head.Kind + " " + head.Metadata.Name
			if found[key] != nil {
				t.Errorf("%s is there twice", key)
			}
			if head.Kind != "Namespace" && head.Metadata.Namespace != "rollcall" {
				t.Errorf("%s is in no namespace", key)
			}
			found[key] = object
		}
	}
	return found
}

func TestTheManifestsRunEveryService(t *testing.T) {
	found := manifests(t)
	pods := map[string]*corev1.PodTemplateSpec{}
	for _, object := range found {
		switch o := object.(type) {
		case *appsv1.Deployment:
			pods[o.Name] = &o.Spec.Template
			if *o.Spec.Replicas < 2 {
				t.Errorf("%s: %d replicas", o.Name, *o.Spec.Replicas)
			}
		case *appsv1.StatefulSet:
			pods[o.Name] = &o.Spec.Template
		case *batchv1.Job:
			pods[o.Name] = &o.Spec.Template
		}
	}
	if want := append(slices.Clone(deployed), "migrate", "nats"); !sameNames(slices.Collect(maps.Keys(pods)), want) {
		t.Errorf("pods %v, want %v", slices.Sorted(maps.Keys(pods)), want)
	}
	for name, pod := range pods {
		if err := checkPod(pod, name != "migrate"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		checkKeyContainer(t, name, pod)
		c := pod.Spec.Containers[0]
		env := map[string]string{}
		for _, v := range c.Env {
			env[v.Name] = v.Value
		}
		if len(c.EnvFrom) > 0 {
			t.Errorf("%s has a secret as its environment", name)
		}
		checkContainer(t, name, c.Args, fromFiles(t, name, env, mountedSecrets(t, found, pod)))
		if _, ok := found["PodDisruptionBudget "+name].(*policyv1.PodDisruptionBudget); !ok && name != "migrate" {
			t.Errorf("%s has no disruption budget", name)
		}
		labels := pod.Labels
		if labels["app"] != name || name != "nats" && labels["nats"] != "client" {
			t.Errorf("%s: labels %v", name, labels)
		}
	}
	// Each label that a policy selects is on a pod.
	for _, object := range found {
		policy, ok := object.(*networkingv1.NetworkPolicy)
		if !ok {
			continue
		}
		for label, value := range policy.Spec.PodSelector.MatchLabels {
			if !slices.ContainsFunc(slices.Collect(maps.Values(pods)),
				func(p *corev1.PodTemplateSpec) bool { return p.Labels[label] == value }) {
				t.Errorf("policy %s is for %s=%s, which no pod has", policy.Name, label, value)
			}
		}
	}
	front := found["Ingress rollcall"].(*networkingv1.Ingress)
	for _, limit := range []string{"limit-rps", "limit-connections", "proxy-body-size"} {
		if front.Annotations["nginx.ingress.kubernetes.io/"+limit] == "" {
			t.Errorf("the ingress has no %s", limit)
		}
	}
	policy := found["NetworkPolicy nothing"].(*networkingv1.NetworkPolicy)
	if len(policy.Spec.PodSelector.MatchLabels) > 0 || len(policy.Spec.PolicyTypes) != 2 {
		t.Error("what is not allowed is not denied")
	}
}

// checkKeyContainer checks that NATS, and nothing else, starts behind a look at its key.
func checkKeyContainer(t *testing.T, name string, pod *corev1.PodTemplateSpec) {
	t.Helper()
	if name != "nats" {
		if len(pod.Spec.InitContainers) > 0 {
			t.Errorf("%s has an init container that is not checked", name)
		}
		return
	}
	if len(pod.Spec.InitContainers) != 1 {
		t.Fatal("nothing looks at the key of NATS")
	}
	alone := *pod
	alone.Spec.Containers = pod.Spec.InitContainers
	if err := checkPod(&alone, false); err != nil {
		t.Errorf("%s: %v", alone.Spec.Containers[0].Name, err)
	}
	c, serves := alone.Spec.Containers[0], pod.Spec.Containers[0]
	var parsed cli
	parser, err := newParser(&parsed)
	if err != nil {
		t.Fatal(err)
	}
	// The folder is on the other machine.
	local := append(slices.Clone(c.Args[:len(c.Args)-1]), "--store="+t.TempDir())
	if _, err := parser.Parse(local); err != nil || !parsed.Encrypt.Check {
		t.Errorf("%v: %v", c.Args, err)
	}
	where := func(c corev1.Container, volume string) string {
		for _, m := range c.VolumeMounts {
			if m.Name == volume {
				return m.MountPath
			}
		}
		return ""
	}
	if want := "--store=" + where(c, "data"); c.Args[len(c.Args)-1] != want || where(c, "data") != where(serves, "data") {
		t.Errorf("%v looks elsewhere, want %s", c.Args, want)
	}
	key := corev1.EnvVar{Name: "ROLLCALL_NATS_STORE_KEY_FILE", Value: where(c, "secrets") + "/ROLLCALL_NATS_STORE_KEY"}
	if !slices.Equal(c.Env, []corev1.EnvVar{key}) {
		t.Errorf("its environment is %v, want %v", c.Env, key)
	}
}

// mountedSecrets returns the files with secrets, but for those of TLS, that the container of a pod sees.
func mountedSecrets(t *testing.T, found map[string]any, pod *corev1.PodTemplateSpec) (files []string) {
	t.Helper()
	for _, v := range pod.Spec.Volumes {
		if v.Name != "secrets" {
			continue
		}
		secret, ok := found["Secret "+v.Secret.SecretName].(*corev1.Secret)
		if !ok {
			t.Fatalf("there is no secret %s", v.Secret.SecretName)
		}
		if v.Secret.DefaultMode == nil || *v.Secret.DefaultMode != 0o440 {
			t.Errorf("files of %s can be read by others", secret.Name)
		}
		for _, m := range pod.Spec.Containers[0].VolumeMounts {
			for variable := range secret.StringData {
				if m.Name == v.Name {
					files = append(files, m.MountPath+"/"+variable)
				}
			}
		}
	}
	return files
}

// checkPod returns what is missing to harden a pod. A pod that serves has probes.
func checkPod(pod *corev1.PodTemplateSpec, serves bool) (err error) {
	spec := pod.Spec
	fail := func(what string) { err = errors.Join(err, errors.New(what)) }
	if s := spec.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot ||
		s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		fail("may run as root")
	}
	if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
		fail("gets a token of Kubernetes")
	}
	c := spec.Containers[0]
	if s := c.SecurityContext; s == nil || !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation ||
		len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" {
		fail("its container may do too much")
	}
	if c.Image != ownImage && !pinned.MatchString(c.Image) {
		fail("its image can be another tomorrow: " + c.Image)
	}
	if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Memory().IsZero() ||
		c.Resources.Requests.Cpu().IsZero() {
		fail("no requests or limits")
	}
	if serves && (c.LivenessProbe == nil || c.ReadinessProbe == nil || c.StartupProbe == nil) {
		fail("a probe is missing")
	}
	volumes := map[string]bool{}
	for _, v := range spec.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] && m.Name != "data" { // which the StatefulSet claims
			fail("mounts " + m.Name + ", which is no volume")
		}
	}
	ports := map[string]bool{}
	for _, p := range c.Ports {
		ports[p.Name] = true
	}
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if probe != nil && !ports[probe.HTTPGet.Port.StrVal] {
			fail("probes a port that is not there: " + probe.HTTPGet.Port.String())
		}
	}
	return err
}
