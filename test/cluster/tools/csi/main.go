// Command csi is a CSI driver for tests: volumes are directories, snapshots are byte copies of them.
//
// It serves Identity, Controller and Node on one socket and registers itself with kubelet.
// Faults are read from a file on every call, so a test can break and mend it at any moment.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

func main() {
	endpoint := flag.String("endpoint", "", "path of the socket that kubelet and the sidecars call")
	registrar := flag.String("registration", "", "path of the socket in kubelet's plugin registry")
	stateDir := flag.String("state-dir", "", "folder of volumes, snapshots and faults.json")
	nodeID := flag.String("node-id", "", "name of the node")
	name := flag.String("driver-name", "csi.belay.dev", "name of the driver")
	flag.Parse()

	store, err := openStore(*stateDir)
	if err != nil {
		log.Fatal(err)
	}
	plugin := grpc.NewServer(grpc.UnaryInterceptor(logErrors))
	csi.RegisterIdentityServer(plugin, &identity{name: *name})
	csi.RegisterControllerServer(plugin, &controller{store: store, nodeID: *nodeID})
	csi.RegisterNodeServer(plugin, &node{store: store, id: *nodeID})

	registry := grpc.NewServer()
	registration.RegisterRegistrationServer(registry, &registrarServer{name: *name, endpoint: *endpoint})

	done := make(chan error)
	go func() { done <- serve(plugin, *endpoint) }()
	// Registered last: kubelet calls the driver as soon as it sees the registration socket.
	go func() { done <- serve(registry, *registrar) }()
	log.Fatal(<-done)
}

func serve(server *grpc.Server, socket string) error {
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(socket); err != nil {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	return server.Serve(listener)
}

func logErrors(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	response, err := handle(ctx, request)
	if err != nil {
		log.Printf("%s: %v", info.FullMethod, err)
	}
	return response, err
}

type registrarServer struct {
	registration.UnimplementedRegistrationServer
	name, endpoint string
}

func (r *registrarServer) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.CSIPlugin,
		Name:              r.name,
		Endpoint:          r.endpoint,
		SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (r *registrarServer) NotifyRegistrationStatus(
	_ context.Context, status *registration.RegistrationStatus,
) (*registration.RegistrationStatusResponse, error) {
	if !status.PluginRegistered {
		log.Printf("kubelet refused the registration: %s", status.Error)
	}
	return &registration.RegistrationStatusResponse{}, nil
}
