// Command withcluster runs a command, with KUBECONFIG set to an API server
// that knows Secrets and nothing else.
//
//	withcluster COMMAND [ARG...]
//
// It is no Kubernetes: it is just enough of one for kubectl to create, apply,
// patch and get Secrets, so that the corpus has what kubectl prints for a live
// object. The managedFields are computed by the library that the real server
// uses. Times, UIDs and resource versions are fixed, for the same output each
// time.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// epoch is the moment at which everything in this cluster happens.
var epoch = metav1.NewTime(time.Date(2026, time.March, 14, 9, 26, 53, 0, time.UTC))

var secretKind = corev1.SchemeGroupVersion.WithKind("Secret")

// cluster keeps the Secrets, by namespace and name.
type cluster struct {
	mutex   sync.Mutex
	secrets map[string]*corev1.Secret
	fields  *managedfields.FieldManager
	writes  int
}

func newCluster() (*cluster, error) {
	fields, err := managedfields.NewDefaultFieldManager(
		applyconfigurations.NewTypeConverter(scheme.Scheme),
		scheme.Scheme, scheme.Scheme, scheme.Scheme,
		secretKind, secretKind.GroupVersion(), "", nil)
	if err != nil {
		return nil, err
	}
	return &cluster{secrets: map[string]*corev1.Secret{}, fields: fields}, nil
}

func (c *cluster) handler() http.Handler {
	mux := http.NewServeMux()
	serve := func(pattern string, answer func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			c.mutex.Lock()
			defer c.mutex.Unlock()
			object, err := answer(r)
			respond(w, object, err)
		})
	}
	serve("GET /api", func(*http.Request) (any, error) {
		return &metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}, nil
	})
	serve("GET /apis", func(*http.Request) (any, error) {
		return &metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}, nil
	})
	serve("GET /api/v1", func(*http.Request) (any, error) {
		return &metav1.APIResourceList{
			TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
			GroupVersion: "v1",
			APIResources: []metav1.APIResource{{
				Name: "secrets", SingularName: "secret", Namespaced: true, Kind: "Secret",
				Verbs: metav1.Verbs{"create", "get", "list", "patch"},
			}},
		}, nil
	})
	const all = "/api/v1/namespaces/{namespace}/secrets"
	serve("GET "+all, c.list)
	serve("POST "+all, c.create)
	serve("GET "+all+"/{name}", c.get)
	serve("PATCH "+all+"/{name}", c.patch)
	return mux
}

// status is an error as the API speaks it.
type status int

func (s status) Error() string { return http.StatusText(int(s)) }

func respond(w http.ResponseWriter, object any, err error) {
	code := http.StatusOK
	if err != nil {
		code = http.StatusInternalServerError
		reason := metav1.StatusReasonInternalError
		if s, ok := err.(status); ok {
			code, reason = int(s), metav1.StatusReasonNotFound
		}
		object = &metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
			Status:   metav1.StatusFailure, Message: err.Error(), Reason: reason, Code: int32(code),
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(object); err != nil {
		fmt.Fprintln(os.Stderr, "withcluster:", err)
	}
}

func key(r *http.Request) string { return r.PathValue("namespace") + "/" + r.PathValue("name") }

func (c *cluster) list(r *http.Request) (any, error) {
	list := &corev1.SecretList{
		TypeMeta: metav1.TypeMeta{Kind: "SecretList", APIVersion: "v1"},
		ListMeta: metav1.ListMeta{ResourceVersion: strconv.Itoa(c.writes)},
	}
	for _, secret := range c.secrets {
		if secret.Namespace == r.PathValue("namespace") {
			item := *secret
			item.TypeMeta = metav1.TypeMeta{} // the items of a list do not say their kind
			list.Items = append(list.Items, item)
		}
	}
	sort.Slice(list.Items, func(i, j int) bool { return list.Items[i].Name < list.Items[j].Name })
	return list, nil
}

func (c *cluster) get(r *http.Request) (any, error) {
	if secret, ok := c.secrets[key(r)]; ok {
		return secret, nil
	}
	return nil, status(http.StatusNotFound)
}

func (c *cluster) create(r *http.Request) (any, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	// kubectl create sends protobuf, kubectl apply JSON.
	secret := &corev1.Secret{}
	if _, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, secret); err != nil {
		return nil, err
	}
	secret.TypeMeta = metav1.TypeMeta{Kind: "Secret", APIVersion: "v1"}
	secret.Namespace = r.PathValue("namespace")
	r.SetPathValue("name", secret.Name)
	return c.update(r, &corev1.Secret{TypeMeta: secret.TypeMeta}, secret)
}

func (c *cluster) patch(r *http.Request) (any, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	live, found := c.secrets[key(r)]
	if r.Header.Get("Content-Type") == string(types.ApplyPatchType) {
		return c.apply(r, live, body)
	}
	if !found {
		return nil, status(http.StatusNotFound)
	}
	before, err := json.Marshal(live)
	if err != nil {
		return nil, err
	}
	after, err := strategicpatch.StrategicMergePatch(before, body, &corev1.Secret{})
	if err != nil {
		return nil, err
	}
	secret := &corev1.Secret{}
	if err := json.Unmarshal(after, secret); err != nil {
		return nil, err
	}
	return c.update(r, live, secret)
}

// apply is server-side apply.
func (c *cluster) apply(r *http.Request, live *corev1.Secret, body []byte) (any, error) {
	applied := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(body, &applied.Object); err != nil {
		return nil, err
	}
	if live == nil {
		live = &corev1.Secret{TypeMeta: metav1.TypeMeta{Kind: "Secret", APIVersion: "v1"}}
	}
	result, err := c.fields.Apply(live, applied, manager(r), false)
	if err != nil {
		return nil, err
	}
	return c.store(r, result)
}

func (c *cluster) update(r *http.Request, live, secret *corev1.Secret) (any, error) {
	for name, value := range secret.StringData {
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		secret.Data[name] = []byte(value)
	}
	secret.StringData = nil
	if secret.Type == "" {
		secret.Type = corev1.SecretTypeOpaque
	}
	result, err := c.fields.Update(live, secret, manager(r))
	if err != nil {
		return nil, err
	}
	return c.store(r, result)
}

// store gives the object what a server adds, the same at every run.
func (c *cluster) store(r *http.Request, object runtime.Object) (any, error) {
	secret, ok := object.(*corev1.Secret)
	if !ok {
		return nil, fmt.Errorf("the field manager answered with %T", object)
	}
	c.writes++
	if secret.UID == "" {
		secret.UID = types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", c.writes))
		secret.CreationTimestamp = epoch
	}
	if secret.Type == "" {
		secret.Type = corev1.SecretTypeOpaque
	}
	secret.ResourceVersion = strconv.Itoa(c.writes)
	for i := range secret.ManagedFields {
		secret.ManagedFields[i].Time = &epoch
	}
	secret.TypeMeta = metav1.TypeMeta{Kind: "Secret", APIVersion: "v1"}
	c.secrets[key(r)] = secret
	return secret, nil
}

func manager(r *http.Request) string {
	if name := r.URL.Query().Get("fieldManager"); name != "" {
		return name
	}
	return "kubectl"
}

func kubeconfig(folder, server string) (string, error) {
	path := filepath.Join(folder, "kubeconfig")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: corpus
clusters: [{name: corpus, cluster: {server: %q}}]
users: [{name: corpus, user: {}}]
contexts: [{name: corpus, context: {cluster: corpus, user: corpus, namespace: prod}}]
`, server)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

func run(command []string) error {
	cluster, err := newCluster()
	if err != nil {
		return err
	}
	server := httptest.NewServer(cluster.handler())
	defer server.Close()
	folder, err := os.MkdirTemp("", "withcluster")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	config, err := kubeconfig(folder, server.URL)
	if err != nil {
		return err
	}
	child := exec.Command(command[0], command[1:]...)
	child.Env = append(os.Environ(), "KUBECONFIG="+config)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	return child.Run()
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: withcluster COMMAND [ARG...]")
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "withcluster:", err)
		os.Exit(1)
	}
}
