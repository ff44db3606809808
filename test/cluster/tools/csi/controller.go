package main

import (
	"context"
	"errors"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const defaultCapacity = 1 << 30

// neverReady is a parameter of a VolumeSnapshotClass: the fault of this name for its snapshots alone.
const neverReady = "snapshotNeverReady"

type controller struct {
	csi.UnimplementedControllerServer
	store  *store
	nodeID string
}

func (c *controller) ControllerGetCapabilities(
	context.Context, *csi.ControllerGetCapabilitiesRequest,
) (*csi.ControllerGetCapabilitiesResponse, error) {
	response := &csi.ControllerGetCapabilitiesResponse{}
	for _, kind := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_CLONE_VOLUME,
	} {
		rpc := &csi.ControllerServiceCapability_RPC{Type: kind}
		capability := &csi.ControllerServiceCapability{Type: &csi.ControllerServiceCapability_Rpc{Rpc: rpc}}
		response.Capabilities = append(response.Capabilities, capability)
	}
	return response, nil
}

func (c *controller) CreateVolume(_ context.Context, request *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	if !validID(request.Name) || len(request.VolumeCapabilities) == 0 {
		return nil, status.Error(codes.InvalidArgument, "name and volume capabilities are required")
	}
	broken, err := c.store.faults()
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	if broken.StorageFull {
		return nil, status.Error(codes.ResourceExhausted, "injected fault: storage is full")
	}
	sourceKind, source := volumeSource(request.VolumeContentSource)
	if source != "" && broken.FailRestore {
		return nil, status.Error(codes.Internal, "injected fault: restore fails")
	}
	capacity := request.GetCapacityRange().GetRequiredBytes()
	if capacity == 0 {
		capacity = defaultCapacity
	}
	made, err := c.store.create(volumes, entry{ID: request.Name, Capacity: capacity, Source: source}, sourceKind)
	if err != nil {
		return nil, toStatus(err)
	}
	if made.Capacity < capacity || made.Source != source {
		return nil, status.Error(codes.AlreadyExists, "a different volume of this name exists")
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: made.ID, CapacityBytes: made.Capacity, ContentSource: request.VolumeContentSource,
	}}, nil
}

func volumeSource(source *csi.VolumeContentSource) (kind, id string) {
	if snapshot := source.GetSnapshot(); snapshot != nil {
		return snapshots, snapshot.SnapshotId
	}
	return volumes, source.GetVolume().GetVolumeId()
}

func toStatus(err error) error {
	if errors.Is(err, errSourceMissing) {
		return status.Error(codes.NotFound, err.Error())
	}
	return status.Error(codes.Internal, err.Error())
}

func (c *controller) DeleteVolume(_ context.Context, request *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	if !validID(request.VolumeId) {
		return nil, status.Error(codes.InvalidArgument, "volume id is required")
	}
	if err := c.store.remove(volumes, request.VolumeId); err != nil {
		return nil, toStatus(err)
	}
	return &csi.DeleteVolumeResponse{}, nil
}

func (c *controller) ValidateVolumeCapabilities(
	_ context.Context, request *csi.ValidateVolumeCapabilitiesRequest,
) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	found, err := c.store.find(volumes, request.VolumeId)
	if err != nil {
		return nil, toStatus(err)
	}
	if found == nil {
		return nil, status.Error(codes.NotFound, "no such volume")
	}
	return &csi.ValidateVolumeCapabilitiesResponse{
		Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{VolumeCapabilities: request.VolumeCapabilities},
	}, nil
}

func (c *controller) CreateSnapshot(_ context.Context, request *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	if !validID(request.Name) || !validID(request.SourceVolumeId) {
		return nil, status.Error(codes.InvalidArgument, "name and source volume are required")
	}
	broken, err := c.store.faults()
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	if broken.StorageFull {
		return nil, status.Error(codes.ResourceExhausted, "injected fault: storage is full")
	}
	if broken.FailSnapshot {
		return nil, status.Error(codes.Internal, "injected fault: snapshot fails")
	}
	volume, err := c.store.find(volumes, request.SourceVolumeId)
	if err != nil {
		return nil, toStatus(err)
	}
	if volume == nil {
		return nil, status.Error(codes.NotFound, "no such source volume")
	}
	want := entry{ID: request.Name, Capacity: volume.Capacity, Source: volume.ID}
	made, err := c.store.create(snapshots, want, volumes)
	if err != nil {
		return nil, toStatus(err)
	}
	if made.Source != volume.ID {
		return nil, status.Error(codes.AlreadyExists, "a snapshot of this name was taken of another volume")
	}
	return &csi.CreateSnapshotResponse{Snapshot: &csi.Snapshot{
		SnapshotId:     made.ID,
		SourceVolumeId: made.Source,
		SizeBytes:      made.Capacity,
		CreationTime:   timestamppb.New(made.Created),
		// The sidecar asks again with the same name until it is ready, so mending the fault ends the wait.
		ReadyToUse: !broken.SnapshotNeverReady && request.Parameters[neverReady] != "true",
	}}, nil
}

func (c *controller) DeleteSnapshot(_ context.Context, request *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	if !validID(request.SnapshotId) {
		return nil, status.Error(codes.InvalidArgument, "snapshot id is required")
	}
	if err := c.store.remove(snapshots, request.SnapshotId); err != nil {
		return nil, toStatus(err)
	}
	return &csi.DeleteSnapshotResponse{}, nil
}
